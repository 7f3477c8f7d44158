"""What a person looks at: results, quick-look pictures, JSON and HTML reports."""
