"""HTTP/1.1 over a stream, for people and programs: `exchange` has the nouns, `routes` says who answers, `serving`
carries, `guarding` says who may ask, `pages` has the frame that all pages share.
"""
