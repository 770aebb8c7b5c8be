"""What operators and their programs ask of a server: the control socket, the admin listener, queues, figures."""
