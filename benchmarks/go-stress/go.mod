module flakeproof/benchmarks/gostress

go 1.21
