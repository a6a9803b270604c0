using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>Reads the account that `capbox run --json` prints at its end.</summary>
internal static class CapboxLedger
{
    public static long Stored(string output) => 0;
}
