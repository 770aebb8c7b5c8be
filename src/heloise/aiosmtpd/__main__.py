"""`python -m heloise.aiosmtpd`; see `main`."""

from heloise.aiosmtpd.main import main

if __name__ == "__main__":
    main()
