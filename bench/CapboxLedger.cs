// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>Reads the account that `capbox run --json` prints as its last line.</summary>
internal static class CapboxLedger
{
    /// <summary>Packets stored on all ports, 0 when there is no account.</summary>
    public static long Stored(string output) => Sum(output, "storedPackets");

    /// <summary>A counter of the ports, as docs/reference/cli.md names it.</summary>
    public static long Sum(string output, string counter)
    {
        foreach (string line in output.Split('\n').Reverse().Where(l => l.StartsWith('{')))
        {
            try
            {
                return JsonNode.Parse(line)!["ports"]!.AsArray().Sum(p => (long)p![counter]!);
            }
            catch (JsonException)
            {
                // A log line that only looks like it; the account is further up.
            }
        }

        return 0;
    }
}
