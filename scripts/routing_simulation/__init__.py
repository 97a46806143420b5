"""The routing of Córtex against a simulated fleet, on a clock of its own: five days of requests in a minute."""
