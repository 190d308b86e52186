// Package compose holds tests alone: they load docker-compose.yml and compose.dev.yml as
// Docker does and check mounts, ports, settings and memory against the repository.
// What takes a Docker engine is not proved here: that images build and containers start.
package compose
