// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Capbox.Bench;

/// <summary>Two network namespaces joined by a veth pair, and a directory for the files; all gone when disposed, also by Ctrl-C.</summary>
internal sealed class Lab : IDisposable
{
    public const string SendPort = "tx0";
    public const string RecordPort = "rx0";
    private readonly List<PosixSignalRegistration> _signals = [];
    private bool _disposed;

    public Lab(string directory)
    {
        string id = "cbbench" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        SendNamespace = id + "t";
        RecordNamespace = id + "r";
        Directory = Path.Combine(directory, id);
        System.IO.Directory.CreateDirectory(Directory);
        foreach (PosixSignal signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
            _signals.Add(PosixSignalRegistration.Create(signal, _ => Abandon()));

        Child.Run("ip", "netns", "add", SendNamespace);
        Child.Run("ip", "netns", "add", RecordNamespace);
        foreach (string name in new[] { SendNamespace, RecordNamespace })
            Child.Run("ip", "netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");

        Child.Run("ip", "-n", SendNamespace, "link", "add", SendPort, "type", "veth", "peer", "name", RecordPort, "netns", RecordNamespace);
        Child.Run("ip", "-n", SendNamespace, "link", "set", SendPort, "mtu", "9000", "up");
        Child.Run("ip", "-n", RecordNamespace, "link", "set", RecordPort, "mtu", "9000", "up");
        RecordIndex = (int)Link()["ifindex"]!;
    }

    public string SendNamespace { get; }
    public string RecordNamespace { get; }
    public string Directory { get; }
    public int RecordIndex { get; }

    /// <summary>Packets that the recording end's interface has received.</summary>
    public long Received() => (long)Link()["stats64"]!["rx"]!["packets"]!;

    /// <summary>An empty directory for one run.</summary>
    public string Fresh(string name)
    {
        string path = Path.Combine(Directory, name);
        if (System.IO.Directory.Exists(path))
            System.IO.Directory.Delete(path, recursive: true);

        System.IO.Directory.CreateDirectory(path);
        return path;
    }

    public void Dispose()
    {
        if (_disposed)
            return;

        _disposed = true;
        Child.KillAll();
        foreach (string name in new[] { SendNamespace, RecordNamespace })
        {
            try
            {
                Child.Run("ip", "netns", "del", name);
            }
            catch (BenchException)
            {
                // It was never made; the other one must still go.
            }
        }

        System.IO.Directory.Delete(Directory, recursive: true);
        foreach (PosixSignalRegistration signal in _signals)
            signal.Dispose();
    }

    private JsonObject Link() =>
        JsonNode.Parse(Child.Run("ip", "-n", RecordNamespace, "-s", "-j", "link", "show", RecordPort))!.AsArray()[0]!.AsObject();

    private void Abandon()
    {
        Dispose();
        Environment.Exit(130);
    }
}
