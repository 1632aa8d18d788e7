package shop;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.file.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BillTest {
    @Test
    void passes() {}

    @Test
    void adds() {
        assertEquals(3, 1 + 1, "sold <&>");
    }

    @Test
    void breaks() {
        throw new IllegalStateException("closed\nfor good");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void odd(int n) {
        assertEquals(1, n % 2);
    }

    @Test
    @Disabled("not here")
    void later() {}

    @Test
    void sometimes() throws Exception {
        String mark = System.getenv("FLAKY_MARK");
        if (mark == null || Files.exists(Path.of(mark))) return;
        Files.createFile(Path.of(mark));
        fail("only the first time");
    }
}
