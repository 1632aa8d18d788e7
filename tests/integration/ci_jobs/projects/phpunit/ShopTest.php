<?php
use PHPUnit\Framework\TestCase;

final class ShopTest extends TestCase
{
    public function testPasses(): void { $this->assertTrue(true); }
    public function testAdds(): void { $this->assertSame(3, 1 + 1, 'sold <&>'); }
    public function testBreaks(): void { throw new RuntimeException("closed\nfor good"); }
    public function testLater(): void { $this->markTestSkipped('not here'); }
    /** @dataProvider numbers */
    public function testOdd(int $n): void { $this->assertSame(1, $n % 2); }
    public static function numbers(): array { return ['one "<&>"' => [1], 'two' => [2]]; }
}
