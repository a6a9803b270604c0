using Capbox.Native;

namespace Capbox.Capture;

/// <summary>Checks filter expressions (pcap-filter(7)) without a port.</summary>
public static class FilterCompiler
{
    /// <summary>Null if the expression compiles for Ethernet, else libpcap's message.</summary>
    /// <param name="expression">A tcpdump expression with named filters expanded.</param>
    /// <param name="snapLength">Bytes kept of each packet.</param>
    public static string? Check(string expression, int snapLength) => FilterProgram.Check(expression, snapLength);
}
