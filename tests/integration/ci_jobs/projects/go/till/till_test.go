package till

import "testing"

func TestTotal(t *testing.T) { t.Log("it works") }

func TestPanics(t *testing.T) {
	var prices map[string]int
	prices["x"] = 1
}
