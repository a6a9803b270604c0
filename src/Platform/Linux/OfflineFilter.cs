// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>
/// A compiled filter for packets in memory. libpcap's own interpreter runs it, so that it accepts the same packets as tcpdump -r.
/// </summary>
internal sealed unsafe class OfflineFilter : IDisposable
{
    private SockFilter* _program;

    /// <exception cref="FormatException">The expression does not compile; libpcap's message.</exception>
    public OfflineFilter(string expression, int snapLength, int linkType)
    {
        SockFilter[] program = FilterProgram.CompileOffline(expression, snapLength, linkType);
        _program = (SockFilter*)NativeMemory.Alloc((nuint)program.Length, (nuint)sizeof(SockFilter));
        program.CopyTo(new Span<SockFilter>(_program, program.Length));
    }

    /// <summary>Budget: 10 to 50 ns a packet.</summary>
    public bool Matches(ReadOnlySpan<byte> packet, uint wireLength)
    {
        fixed (byte* data = packet)
            return Pcap.bpf_filter(_program, data, wireLength, (uint)packet.Length) != 0;
    }

    public void Dispose()
    {
        NativeMemory.Free(_program);
        _program = null;
    }
}
