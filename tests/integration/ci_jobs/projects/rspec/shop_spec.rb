RSpec.describe 'shop' do
  it('passes') {}
  it('adds') { expect(1 + 1).to eq(3) }
  it('breaks <&> "it"') { raise ArgumentError, "closed\nfor good" }
  xit('later') {}
  context 'till' do
    it('adds') { expect(1 + 1).to eq(2) }
  end
end
