"""Two arms of one comparison: what is asked for, what happens, what comes out."""
