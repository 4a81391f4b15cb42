// SPDX-License-Identifier: Apache-2.0

// Package tap prints the Test Anything Protocol. It stands in for
// github.com/mndrix/tap-go, the one package that runtime-tools needs and Debian
// has not: just what is called from there.
package tap

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// T is a run of tests: how many there were, and where they are told.
type T struct {
	Writer io.Writer
	n      *int
	after  string
}

// New makes a run that tells standard output.
func New() *T { return &T{Writer: os.Stdout, n: new(int)} }

func (t *T) printf(format string, args ...interface{}) { fmt.Fprintf(t.Writer, format, args...) }

// Header begins: with a plan, or with none yet (0).
func (t *T) Header(count int) {
	t.printf("TAP version 13\n")
	if count > 0 {
		t.printf("1..%d\n", count)
	}
}

// AutoPlan ends a run whose plan was not known when it began.
func (t *T) AutoPlan() { t.printf("1..%d\n", *t.n) }

// Ok is one test.
func (t *T) Ok(good bool, what string) {
	*t.n++
	if good {
		t.printf("ok %d - %s%s\n", *t.n, what, t.after)
	} else {
		t.printf("not ok %d - %s%s\n", *t.n, what, t.after)
	}
}

// Todo is the same run, where what fails was known to.
func (t *T) Todo() *T { return &T{t.Writer, t.n, " # TODO"} }

// Pass is one that went well.
func (t *T) Pass(what string) { t.Ok(true, what) }

// Fail is one that did not.
func (t *T) Fail(what string) { t.Ok(false, what) }

// Skip passes over some.
func (t *T) Skip(count int, why string) {
	for i := 0; i < count; i++ {
		*t.n++
		t.printf("ok %d # SKIP %s\n", *t.n, why)
	}
}

// Diagnostic is a remark.
func (t *T) Diagnostic(text string) {
	t.printf("# %s\n", strings.Replace(text, "\n", "\n# ", -1))
}

// Diagnosticf is one with a format.
func (t *T) Diagnosticf(format string, args ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, args...))
}

// YAML tells a value; JSON is YAML, too.
func (t *T) YAML(value interface{}) error {
	text, err := json.MarshalIndent(value, "  ", "  ")
	if err == nil {
		t.printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
