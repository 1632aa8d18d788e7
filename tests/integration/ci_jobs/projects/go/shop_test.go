package shop

import (
	"os"
	"testing"
)

var total int

func TestSets(t *testing.T) { total = 1 }

func TestTotal(t *testing.T) {
	if total != 0 {
		t.Errorf("total is %d, want %d", total, 0)
	}
}

func TestParts(t *testing.T) {
	t.Run("one", func(t *testing.T) {})
	t.Run("two <&> \"q\"", func(t *testing.T) { t.Fatal("two is wrong\nin two lines") })
}

func TestSkipped(t *testing.T) { t.Skip("not here") }

func TestSometimes(t *testing.T) {
	file := os.Getenv("FLAKY_MARK")
	if file == "" {
		t.Skip("no mark")
	}
	if _, err := os.Stat(file); err != nil {
		os.WriteFile(file, nil, 0o600)
		t.Fatal("only the first time")
	}
}
