package auth

// Trust takes pages of an origin like https://meter.example.com for the server's own: behind a
// proxy that does not pass on the Host which a browser has sent, requests do not tell. It is called
// before the gate is used, and panics for what is no origin.
func (g *Gate) Trust(origin string) {
	if err := g.origin.AddTrustedOrigin(origin); err != nil {
		panic(err) // the settings were checked
	}
}
