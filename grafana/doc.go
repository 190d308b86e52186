// Package grafana holds what shows an operator how FlagMeter is: configurations of
// Prometheus, Loki, Grafana Alloy and Grafana, and the tests that keep them true. It has no
// code that runs in production.
//
//	prometheus/prometheus.yml    scraping            mount at /etc/prometheus
//	prometheus/rules/            recording, alerts   with it; docs/RUNBOOK.md says what to do
//	prometheus/tests/            of the rules, for promtool
//	loki/loki.yml                                    mount at /etc/loki/loki.yml
//	alloy/config.alloy           log shipping        mount at /etc/alloy/config.alloy
//	provisioning/                data sources        mount at /etc/grafana/provisioning
//	dashboards/                                      mount at /etc/grafana/dashboards
//	postgres.sql                 Grafana's user      run once in FlagMeter's database
//
// # What the configurations assume
//
// All run in one Docker network, where the services are called ingest (3000, metrics 9100), flusher
// (9101), alerter (9102), backup (9103), postgres, valkey, prometheus (9090), loki (3100), alloy (12345) and grafana
// (3000, outside 3001). Programs are told on their command lines:
//
//	prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus
//	           --storage.tsdb.retention.time=15d --storage.tsdb.retention.size=1GB
//	loki       -config.file=/etc/loki/loki.yml
//	alloy      run --server.http.listen-addr=0.0.0.0:12345 --storage.path=/var/lib/alloy/data
//	           --disable-reporting /etc/alloy/config.alloy
//
// Grafana reads GRAFANA_POSTGRES_ADDRESS (host:port), _DATABASE, _USER, _PASSWORD and _SSLMODE
// from its environment. /prometheus, /loki and /var/lib/alloy/data are volumes. Containers
// whose logs are wanted carry the label flagmeter.logs=true, and Alloy reads them through the
// service dockerproxy, which alone has Docker's socket.
//
// # How they are checked
//
// TestEveryQueryAnswers starts the roles and a Prometheus, drives load with faults, and asks
// every query of every panel and rule. promtool checks and tests the rules. The dashboards are
// linted by the rules that Grafana's dashboard-linter made known; it is not used itself,
// since it needs the whole of Loki and of Grafana as libraries. Loki's and Alloy's files are
// read strictly, against the settings that their documentation lists.
package grafana
