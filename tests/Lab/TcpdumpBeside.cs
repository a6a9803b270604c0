// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Capbox.Testing;

/// <summary>tcpdump on an interface beside the recorder: what both must have seen.</summary>
internal sealed class TcpdumpBeside : IDisposable
{
    private readonly string _file;
    private readonly Process _process;

    /// <summary>Returns when it captures.</summary>
    public TcpdumpBeside(Lab lab, string space, string port, string? filter = null)
    {
        _file = Path.Combine(lab.Scratch, $"beside{Random.Shared.Next()}.pcap");
        _process = Process.Start(Tool.Info("ip", ["netns", "exec", space, "tcpdump", "-i", port, "-n", "-U", "--nano", "-w", _file, "-B", "65536", "-Z", "root", .. filter is null ? Array.Empty<string>() : [filter]]))!;
        Tool.WaitFor(() => File.Exists(_file) && new FileInfo(_file).Length >= 24, "tcpdump to record");
    }

    /// <summary>
    /// Ends it and returns its packets. Its ring hands them over once a second, and what is still in there when it ends is lost: so it is waited for, until it has as many as the recorder tells of.
    /// </summary>
    public List<Packet> Seen(long atLeast)
    {
        Tool.WaitFor(() => PcapFile.Read(_file).Count >= atLeast, $"tcpdump to have {atLeast} packets");
        Tool.Run("kill", _process.Id.ToString(CultureInfo.InvariantCulture));
        Assert.Contains("0 packets dropped by kernel", _process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        _process.WaitForExit();
        return PcapFile.Read(_file);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
