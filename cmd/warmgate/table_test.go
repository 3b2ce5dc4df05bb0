package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webordinary/warmgate/session/dynamo/dynamotest"
)

// tableConfig is the store section for tables in DynamoDB Local.
func tableConfig(endpoint string) string {
	return fmt.Sprintf("store: { kind: dynamodb, table: sessions, control_table: control, region: %s, endpoint: %q }\n",
		dynamotest.Region, endpoint)
}

func tableCreate(t *testing.T, config string, args ...string) (stdout string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "warmgate.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	err = run(t.Context(), append([]string{"table", "create", "--config", file}, args...), environment(nil), &out, &errOut)
	return out.String(), err
}

func TestTableCreateDryRun(t *testing.T) {
	out, err := tableCreate(t, tableConfig("http://127.0.0.1:1"), "--dry-run")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/table_create.txt", []byte(out))
}

// TestTables makes the tables, and serves two replicas from them: what one does
// the other finds.
func TestTables(t *testing.T) {
	local := dynamotest.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", dynamotest.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", dynamotest.SecretKey)
	config := tableConfig(local.Endpoint)
	made := "sessions made\n  delete expired items by ttl: on\n  not done: point-in-time recovery: there is none at this endpoint\n"
	for i, want := range []string{made, "sessions exists already and stays as it is\n"} {
		out, err := tableCreate(t, config)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("table create, time %d: %v, %q, want %q", i+1, err, out, want)
		}
		t.Log(out)
	}
	config += staticPool(site(t))
	one, two := start(t, config), start(t, config)
	if _, err := one.cli("session", "activate", "--client", "acme", "--id", "acme-1"); err != nil {
		t.Fatalf("activate = %v\n%s", err, one.stderr.String())
	}
	eventually(t, "the other replica serves the session", func() bool {
		status, body := get(t, two.public+"/session/acme-1/")
		return status == 200 && strings.HasPrefix(body, "site ")
	})
	one.end()
	two.end()
}
