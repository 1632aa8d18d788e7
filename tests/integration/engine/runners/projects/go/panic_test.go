//go:build panics

package sums

import "testing"

func TestPanics(t *testing.T) {
	var counts map[string]int
	counts["a"] = 1
}

func TestInBackground(t *testing.T) {
	done := make(chan bool)
	go func() {
		panic("nobody catches this")
	}()
	<-done
}

func TestNeverReached(t *testing.T) {}
