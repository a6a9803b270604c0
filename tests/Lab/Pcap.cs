// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Diagnostics;

namespace Capbox.Testing;

/// <summary>Reads and writes little-endian Ethernet pcap files, and asks tshark about them.</summary>
internal static class Pcap
{
    private const uint MicrosecondMagic = 0xA1B2C3D4;

    /// <summary>A capture of tests/golden/ptp.</summary>
    public static string Golden(string name) => Path.Combine(Repository.Root, "tests", "golden", "ptp", name + ".pcap");

    public static List<(long StampNs, byte[] Frame)> Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        if (BinaryPrimitives.ReadUInt32LittleEndian(file) != MicrosecondMagic || BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(20)) != 1)
            throw new InvalidDataException($"{path}: not a little-endian Ethernet pcap with microseconds");
        List<(long, byte[])> frames = [];
        for (int at = 24; at < file.Length;)
        {
            ReadOnlySpan<byte> head = file.AsSpan(at);
            long stampNs = (BinaryPrimitives.ReadUInt32LittleEndian(head) * 1_000_000_000L) + (BinaryPrimitives.ReadUInt32LittleEndian(head[4..]) * 1_000L);
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(head[8..]);
            frames.Add((stampNs, file[(at + 16)..(at + 16 + bytes)]));
            at += 16 + bytes;
        }

        return frames;
    }

    public static void Write(string path, IEnumerable<byte[]> frames)
    {
        using var file = new BinaryWriter(File.Create(path));
        file.Write(MicrosecondMagic);
        file.Write(0x0004_0002);
        file.Write(0L);
        file.Write(65_535);
        file.Write(1);
        uint second = 0;
        foreach (byte[] frame in frames)
        {
            file.Write(second++);
            file.Write(0);
            file.Write(frame.Length);
            file.Write(frame.Length);
            file.Write(frame);
        }
    }

    /// <summary>The given fields of every packet, as tshark reads them; what it does not have is empty.</summary>
    public static List<string[]> Fields(string path, params string[] fields) =>
        [.. Tshark(["-r", path, "-T", "fields", .. fields.SelectMany(f => new[] { "-e", f })]).Split('\n').Where(line => line.Length > 0).Select(line => line.Split('\t'))];

    /// <summary>The packets that tshark finds anything wrong with, checksums included, in full; nothing if all is well.</summary>
    /// <param name="filter">Which packets to look at, as a display filter; none: all.</param>
    public static string Faults(string path, string filter = "frame") => Tshark(
        ["-r", path, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y",
            $"({filter}) && (_ws.malformed || _ws.expert.severity >= 4194304 || ip.checksum.status == 0 || udp.checksum.status == 0)", "-V"]);

    private static string Tshark(IEnumerable<string> arguments)
    {
        var info = new ProcessStartInfo("tshark") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in arguments)
            info.ArgumentList.Add(argument);
        using Process process = Process.Start(info)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(60_000) || process.ExitCode != 0)
            throw new InvalidOperationException($"tshark {string.Join(' ', info.ArgumentList)}: {error.Result}");
        return output;
    }
}
