"""Results of a batch, its JSON and HTML reports, and pictures of images."""
