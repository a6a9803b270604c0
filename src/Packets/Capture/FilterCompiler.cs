// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>Checks filter expressions (pcap-filter(7)) without a port.</summary>
public static class FilterCompiler
{
    /// <summary>Null if the expression compiles for Ethernet, else libpcap's message.</summary>
    /// <param name="expression">A tcpdump expression with named filters expanded.</param>
    /// <param name="snapLength">Captured bytes of each packet.</param>
    public static string? Check(string expression, int snapLength) => FilterProgram.Check(expression, snapLength);

    /// <summary>
    /// Null if the expression compiles for packets without their link header, which is how hooks of the network layer see them, else that
    /// and libpcap's message.
    /// </summary>
    /// <param name="expression">A tcpdump expression with named filters expanded.</param>
    /// <param name="snapLength">Captured bytes of each packet.</param>
    public static string? CheckNetworkLayer(string expression, int snapLength) =>
        FilterProgram.Check(expression, snapLength, RawLinkType) is { } message ? NoLinkHeader + message : null;

    /// <summary>LINKTYPE_RAW: a packet begins with its IPv4 or IPv6 header.</summary>
    internal const int RawLinkType = 101;

    internal const string NoLinkHeader = "hooks of the network layer see no link header: ";
}
