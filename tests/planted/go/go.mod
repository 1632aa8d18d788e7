module flakeproof/planted

go 1.19
