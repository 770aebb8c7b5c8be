"""One extension, one file, one constant EXTENSION at its bottom. The shape is in heloise.smtp.extension."""
