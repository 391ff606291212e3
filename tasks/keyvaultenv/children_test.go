package keyvaultenv

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the program of exportTo: command.
func TestMain(m *testing.M) {
	if os.Getenv("KEYVAULTENV_CHILD") == "" {
		os.Exit(m.Run())
	}
	os.Exit(child(os.Args[1:]))
}

// child does what its first argument says.
func child(args []string) int {
	switch args[0] {
	case "touch":
		if err := os.WriteFile(args[1], []byte("x"), 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
	case "env": // to a file, which nobody masks
		if err := os.WriteFile(args[1], []byte(strings.Join(os.Environ(), "\n")), 0o600); err != nil {
			fmt.Println(err)
			return 1
		}
	case "forms":
		value := os.Getenv(args[1])
		fmt.Println("plain:", value)
		fmt.Println("base64:", base64.StdEncoding.EncodeToString([]byte("user:"+value)))
		fmt.Println("hex:", hex.EncodeToString([]byte(value)))
		fmt.Println("URL:", url.QueryEscape(value))
		fmt.Println("JSON:", strconv.Quote(value))
		fmt.Fprintln(os.Stderr, "error:", value)
	case "print":
		fmt.Println(args[1])
	case "commands":
		fmt.Println("##vso[task.setvariable variable=INJECTED]x")
		fmt.Println("a ##VSO[task.setvariable variable=INJECTED]x")
		fmt.Println("progress\r##vso[task.setvariable variable=INJECTED]x")
		fmt.Println("##[error]injected")
		fmt.Print("##vso[task.complete result=Succeeded;]")
	case "exit":
		status, _ := strconv.Atoi(args[1])
		return status
	case "wait":
		fmt.Println("waiting as", os.Getpid())
		time.Sleep(time.Hour)
	case "dying":
		return dying(args[1])
	case "stdin":
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Printf("read %q, %v\n", line, err)
	}
	return 0
}
