// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Numerics;
using Capbox.Packets.Pcapng;
using SharpFuzz;

namespace Capbox.Fuzz;

/// <summary>
/// What afl-fuzz runs: each input is a file that the reader and the verifier are let loose on. Any exception but
/// <see cref="SegmentFormatException"/> is a crash. With CAPBOX_FUZZ_TARGET=ptp it is a capture of PTP traffic: <see cref="PtpTarget"/>.
/// With file names as arguments it runs those once, to look at a finding.
/// </summary>
internal static class Program
{
    private const string Name = "20261123T083000.123456789Z-0000000042.pcapng";
    private const int TrailerBytes = 92;
    private static readonly bool s_isPtp = Environment.GetEnvironmentVariable("CAPBOX_FUZZ_TARGET") == "ptp";

    private static int Main(string[] files)
    {
        // run.sh gives a directory in memory; afl-fuzz ends its children with SIGKILL, so who made it takes it away.
        string directory = Environment.GetEnvironmentVariable("CAPBOX_FUZZ_DIR") ?? Directory.CreateTempSubdirectory("capbox-fuzz-").FullName;
        string path = Path.Combine(directory, Name);
        if (files.Length == 0)
        {
            Fuzzer.OutOfProcess.Run(stream => Input(path, stream));
            return 0;
        }

        foreach (string file in files)
        {
            using FileStream stream = File.OpenRead(file);
            Input(path, stream);
        }

        return 0;
    }

    private static void Input(string path, Stream stream)
    {
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        byte[] content = memory.ToArray();
        if (s_isPtp)
        {
            PtpTarget.Run(content);
            return;
        }

        Run(path, content);
        // A fuzzer does not guess checksums: what lies behind the footer's is tried with it put right.
        if (MendChecksum(content))
            Run(path, content);
    }

    private static void Run(string path, byte[] content)
    {
        File.WriteAllBytes(path, content);
        SegmentVerifier.Verify(path);
        try
        {
            using SegmentReader reader = SegmentReader.Open(path);
            foreach (ChunkRecord chunk in reader.Chunks)
            {
                foreach (SegmentPacket packet in reader.Packets(chunk))
                    GC.KeepAlive(packet.CapturedLength);
            }

            reader.ReadFooter();
        }
        catch (SegmentFormatException)
        {
            // What reading a hostile file may come to.
        }
    }

    private static bool MendChecksum(Span<byte> content)
    {
        int end = content.Length - TrailerBytes;
        if (end < 0)
            return false;
        Span<byte> record = content[(end + 28)..];
        ulong footerOffset = BinaryPrimitives.ReadUInt64LittleEndian(record[8..]);
        if (footerOffset > (ulong)end)
            return false;
        uint state = uint.MaxValue;
        foreach (byte value in content[(int)footerOffset..end])
            state = BitOperations.Crc32C(state, value);
        if (BinaryPrimitives.ReadUInt32LittleEndian(record[24..]) == ~state)
            return false;
        BinaryPrimitives.WriteUInt32LittleEndian(record[24..], ~state);
        return true;
    }
}
