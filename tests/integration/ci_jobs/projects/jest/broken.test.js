require('./nothing-there');
test('x', () => {});
