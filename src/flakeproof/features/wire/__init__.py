"""What the TCP connections of a target do, in one run of it: a table, words, and a sequence diagram."""
