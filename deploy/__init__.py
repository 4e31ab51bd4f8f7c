"""What carries TicketFlow: container images, cluster settings and the local runtime."""
