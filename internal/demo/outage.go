package demo

import "log/slog"

// outage logs the beginning and the end of a time without the server, once each.
type outage struct {
	log *slog.Logger
	on  bool
}

func (o *outage) began(err error) {
	if !o.on {
		o.on = true
		o.log.Warn("demo waits for the server", "error", err)
	}
}

func (o *outage) over() {
	if o.on {
		o.on = false
		o.log.Info("demo goes on: the server is back")
	}
}
