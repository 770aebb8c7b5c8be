"""The SMTP lab: one types commands to a server and sees what each reply means and where the session stands.

`session` is the dialogue, `following` where it stands when only words are known, `hints` what may come next, `diagram`
the picture of the states.
"""
