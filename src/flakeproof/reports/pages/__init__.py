"""Reports as pages for a browser: one file each, without a script and without anything from elsewhere."""
