"""`heloise dev`: a server that catches everything, its API and pages, and the routes of Mailpit and MailHog."""
