"""Everything of a node that touches the network: connections, what peers ask, joining."""
