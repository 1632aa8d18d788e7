"""Since which commit a test is flaky: trials of many commits, one posterior."""
