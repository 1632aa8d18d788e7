package sums

import (
	"sync"
	"testing"
)

func TestPasses(t *testing.T) {}

func TestAdds(t *testing.T) {
	t.Log("adding")
	t.Errorf("got %d, want %d", 3, 4)
}

func TestSkipped(t *testing.T) { t.Skip("not here") }

func TestTable(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	for _, name := range []string{"first case", "second case", "third case"} {
		name := name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "third case" {
				return
			}
			both.Done()
			both.Wait()
			t.Logf("%s begins", name)
			t.Fatalf("%s is wrong", name)
		})
	}
}
