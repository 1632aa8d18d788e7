// Two data races in a program that goes on to its end, for the race detector: in every run, in either order.
package main

import "fmt"

func early(done chan<- bool) {
	shared := 0
	go func() {
		shared = 1
		done <- true
	}()
	shared = 2
	_ = shared
}

func late(done chan<- bool) {
	shared := 0
	go func() {
		shared = 1
		done <- true
	}()
	shared = 2
	_ = shared
}

func main() {
	done := make(chan bool)
	late(done)
	early(done)
	<-done
	<-done
	fmt.Println("to the end")
}
