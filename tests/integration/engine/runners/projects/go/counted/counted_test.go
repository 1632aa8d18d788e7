package counted

import (
	"os"
	"strconv"
	"testing"
)

func each(t *testing.T, of int) {
	t.Parallel()
	trial, _ := strconv.Atoi(os.Getenv("FLAKEPROOF_TRIAL"))
	if trial%of == 0 {
		t.Errorf("trial %d", trial)
	}
}

func TestAlways(t *testing.T) {}

func TestParts(t *testing.T) {
	t.Run("fifth", func(t *testing.T) { each(t, 5) })
	t.Run("third", func(t *testing.T) { each(t, 3) })
}

func TestTenth(t *testing.T) { each(t, 10) }
