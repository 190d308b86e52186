// Package compose holds tests alone, of what Docker would read. They load docker-compose.yml and
// compose.dev.yml as Docker does, and check mounts, ports, settings, health, memory and
// secrets against the repository and the program; they read the Dockerfile and run its build
// command; and they run the services of docker-compose.yml on this machine: Valkey, Postgres,
// Prometheus, the proxy of Docker's socket and every role, each with the command line,
// environment, configuration and secrets of its container. What a path, host or port of a container
// is here stands in one place (machine).
//
// What takes a Docker engine is not proved: that images build and containers start, that the
// tags exist, and what the images of others do with a read-only root. Loki, Alloy and Grafana
// are not run.
package compose
