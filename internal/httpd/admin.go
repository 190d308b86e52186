package httpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
)

// Admin serves /debug/pprof to an operator while a process runs, for `go tool pprof`. It has no
// authentication, and a profile contains memory: listen on loopback only. A request that may come
// from elsewhere is refused (NotLocal).
func Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return Guard(onlyLocal(mux), Pages())
}

// onlyLocal refuses requests from a page in a browser of this machine, or through a proxy.
func onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header := NotLocal(r); header != "" {
			http.Error(w, "only this machine is answered here, and the header "+header+
				" is not from it", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeAdmin serves Admin until ctx is done and then closes every connection without waiting for
// requests. It logs an error, and ends nothing else.
func ServeAdmin(ctx context.Context, log *slog.Logger, listener net.Listener) {
	limits := Scrapes()
	limits.Write = 0 // a profile or a trace takes as long as it was asked for
	server, conns := limits.server(Admin(), log)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(conns.listener(listener)); !errors.Is(err, http.ErrServerClosed) {
		log.Error("the admin listener has failed", "error", err)
	}
}
