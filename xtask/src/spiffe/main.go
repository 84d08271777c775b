// A workload that others' library makes: go-spiffe, unchanged, asks the Workload API who it is. `cargo xtask spiffe` builds and runs it.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// How long anything may take that is there already.
const patience = 30 * time.Second

func main() {
	verb := "check"
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	var err error
	switch verb {
	case "check":
		err = check(os.Args[2:])
	case "watch":
		err = watch()
	case "refused":
		err = refused()
	default:
		err = fmt.Errorf("there is no verb %q", verb)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check gets everything that there is, and verifies it the library's own way. The identities must be these, in this order.
func check(wanted []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := workloadapi.New(ctx)
	if err != nil {
		return fmt.Errorf("no client: %w", err)
	}
	defer client.Close()
	x509, err := client.FetchX509Context(ctx)
	if err != nil {
		return fmt.Errorf("no X.509 context: %w", err)
	}
	if len(x509.SVIDs) != len(wanted) {
		return fmt.Errorf("%d identities, not %d", len(x509.SVIDs), len(wanted))
	}
	for at, svid := range x509.SVIDs {
		id, _, err := x509svid.Verify(svid.Certificates, x509.Bundles)
		if err != nil {
			return fmt.Errorf("the chain of %s is refused: %w", svid.ID, err)
		}
		if id.String() != wanted[at] {
			return fmt.Errorf("identity %s, not %s", id, wanted[at])
		}
		fmt.Println("x509", id, svid.Hint)
	}
	bundles, err := client.FetchX509Bundles(ctx)
	if err != nil || bundles.Len() != 1 {
		return fmt.Errorf("no X.509 bundles: %w", err)
	}
	if err := tokens(ctx, client, wanted[0]); err != nil {
		return err
	}
	return mutual(ctx)
}

// tokens has one made for an audience, and validates it here by the bundle and there by the daemon.
func tokens(ctx context.Context, client *workloadapi.Client, wanted string) error {
	token, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "ledger", ExtraAudiences: []string{"payments"}})
	if err != nil {
		return fmt.Errorf("no token: %w", err)
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return fmt.Errorf("no JWT bundles: %w", err)
	}
	for _, audience := range []string{"ledger", "payments"} {
		here, err := jwtsvid.ParseAndValidate(token.Marshal(), bundles, []string{audience})
		if err != nil {
			return fmt.Errorf("the token is refused by its bundle: %w", err)
		}
		there, err := client.ValidateJWTSVID(ctx, token.Marshal(), audience)
		if err != nil {
			return fmt.Errorf("the token is refused by the daemon: %w", err)
		}
		if here.ID != there.ID || here.ID.String() != wanted {
			return fmt.Errorf("the token is about %s and %s, not %s", here.ID, there.ID, wanted)
		}
	}
	if _, err := client.ValidateJWTSVID(ctx, token.Marshal(), "other"); status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("the token is taken for another audience: %v", err)
	}
	if _, err := jwtsvid.ParseAndValidate(token.Marshal(), jwtbundle.NewSet(), []string{"ledger"}); err == nil {
		return fmt.Errorf("the token is taken without a bundle")
	}
	fmt.Println("jwt", token.ID, token.Hint)
	return nil
}

// mutual speaks TLS with itself: each side shows its identity and demands the other's, both from sources that renew themselves.
func mutual(ctx context.Context) error {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return fmt.Errorf("no source: %w", err)
	}
	defer source.Close()
	svid, err := source.GetX509SVID()
	if err != nil {
		return fmt.Errorf("no identity: %w", err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(svid.ID)))
	if err != nil {
		return err
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() { served <- echo(listener) }()
	config := tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(svid.ID))
	connection, err := tls.Dial("tcp", listener.Addr().String(), config)
	if err != nil {
		return fmt.Errorf("no handshake: %w", err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte("hello")); err != nil {
		return err
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(connection, answer); err != nil || string(answer) != "hello" {
		return fmt.Errorf("no answer: %q %w", answer, err)
	}
	if err := <-served; err != nil {
		return err
	}
	foreign := spiffeid.RequireFromPath(svid.ID.TrustDomain(), "/acme/agent/somebody-else")
	go func() { served <- echo(listener) }()
	if _, err := tls.Dial("tcp", listener.Addr().String(), tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(foreign))); err == nil {
		return fmt.Errorf("the server is taken for somebody else")
	}
	fmt.Println("mtls", svid.ID)
	return nil
}

func echo(listener net.Listener) error {
	connection, err := listener.Accept()
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.CopyN(connection, connection, 5)
	return err
}

// watcher prints what it is told.
type watcher struct{ done chan error }

func (w watcher) OnX509ContextUpdate(update *workloadapi.X509Context) {
	for _, svid := range update.SVIDs {
		fmt.Println("update", svid.ID, svid.Certificates[0].SerialNumber.Text(16))
	}
}

func (w watcher) OnX509ContextWatchError(err error) {
	fmt.Println("error", status.Code(err))
	if status.Code(err) == codes.PermissionDenied {
		w.done <- nil
	}
}

// watch prints updates until the identity is taken away.
func watch() error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	told := watcher{done: make(chan error, 16)}
	go func() { told.done <- client.WatchX509Context(ctx, told) }()
	return <-told.done
}

// refused must get nothing.
func refused() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.FetchX509Context(ctx)
	if status.Code(err) != codes.PermissionDenied {
		return fmt.Errorf("not refused: %v", err)
	}
	fmt.Println("refused")
	return nil
}
