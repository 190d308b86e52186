package stacktest

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// ServeTLS lets both servers of env, which are the test's own, speak TLS with a certificate
// that authority has issued for host; Valkey does so on a port of its own and, if it asks for
// certificates, takes those of authority. It returns the addresses for that, with 127.0.0.1
// as their host and with the parameters of TLS still to be set.
func (env *Env) ServeTLS(tb testing.TB, authority *Authority, host string,
	askForCertificates bool) (databaseURL, valkeyURL *url.URL) {
	tb.Helper()
	ctx := tb.Context()
	certFile, keyFile := authority.Issue(host)
	dir, err := env.Valkey.ConfigGet(ctx, "dir").Result()
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	clients := "no"
	if askForCertificates {
		clients = "yes"
	}
	// In one command: none of these works without the others.
	if err := env.Valkey.Do(ctx, "CONFIG", "SET", "tls-port", port, "tls-auth-clients", clients,
		"tls-ca-cert-file", lend(tb, dir["dir"], authority.File, "ca.pem"),
		"tls-cert-file", lend(tb, dir["dir"], certFile, "cert.pem"), "tls-key-file",
		lend(tb, dir["dir"], keyFile, "key.pem")).Err(); err != nil {
		tb.Fatal(err)
	}

	var data string
	if err := env.DB.GetContext(ctx, &data, "SHOW data_directory"); err != nil {
		tb.Fatal(err)
	}
	for _, statement := range []string{
		"ALTER SYSTEM SET ssl_cert_file = '" + lend(tb, data, certFile, "cert.pem") + "'",
		"ALTER SYSTEM SET ssl_key_file = '" + lend(tb, data, keyFile, "key.pem") + "'",
		"ALTER SYSTEM SET ssl = on",
		"SELECT pg_reload_conf()",
	} {
		if _, err := env.DB.ExecContext(ctx, statement); err != nil {
			tb.Fatal(err)
		}
	}
	for on := ""; on != "on"; {
		if err := env.DB.GetContext(ctx, &on, "SHOW ssl"); err != nil {
			tb.Fatal(err)
		}
	}

	databaseURL, valkeyURL = parse(tb, env.DatabaseURL), parse(tb, env.ValkeyURL)
	valkeyURL.Scheme, valkeyURL.Host = "rediss", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return databaseURL, valkeyURL
}

func parse(tb testing.TB, address string) *url.URL {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// lend copies a file into a directory of a server, for the account of that server alone.
func lend(tb testing.TB, dir, file, name string) (path string) {
	tb.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	return path
}
