// Command gostress runs a program many times, several at once, and counts failures: the loop of golang.org/x/tools'
// stress command, as a yardstick for what starting a program costs.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	count := flag.Int64("count", 1000, "runs")
	parallel := flag.Int("p", 8, "runs at once")
	flag.Parse()

	var taken, failed atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for i := 0; i < *parallel; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for taken.Add(1) <= *count {
				command := exec.Command(flag.Arg(0), flag.Args()[1:]...)
				if _, err := command.CombinedOutput(); err != nil {
					failed.Add(1)
				}
			}
		}()
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	fmt.Printf("{\"count\": %d, \"failed\": %d, \"seconds\": %f, \"rate\": %.1f}\n",
		*count, failed.Load(), seconds, float64(*count)/seconds)
	if failed.Load() > 0 {
		os.Exit(1)
	}
}
