module flakeproof/benchmarks/gopeer

go 1.21
