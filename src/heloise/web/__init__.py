"""HTTP/1.1 over a stream, for operators: `exchange` has the nouns, `routes` says who answers, `serving` carries."""
