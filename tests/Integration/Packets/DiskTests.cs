// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>Disks that are slow, full or gone: losses are counted as the disk's, capture lives, and goes on when the disk does.</summary>
[Collection("Integration")]
public class DiskTests
{
    private static string Document(string directory, string segment = "16MiB", string ring = "4MiB") => $$"""
        {"storage": {"directory": "{{directory}}", "segmentSize": "{{segment}}"}, "ports": [{"name": "b0", "ringSize": "{{ring}}", "blockSize": "256KiB"}]}
        """;

    [Fact]
    public void A_frozen_disk_costs_counted_packets_and_nothing_else()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(300);
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(disk, "128MiB"));
        long sent = lab.Generate("--packets", "5000", "--size", "1500", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        Tool.Run("fsfreeze", "-f", disk);
        try
        {
            sent += lab.Generate("--packets", "20000", "--size", "1500", "--pps", "20000", "--first", "5000");
        }
        finally
        {
            Tool.Run("fsfreeze", "-u", disk);
        }

        sent += lab.Generate("--packets", "5000", "--size", "1500", "--pps", "20000", "--first", "25000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].SeenPackets);
        Assert.True(last.Ports[0].LostDisk > 1000, $"lost to the disk: {last.Ports[0].LostDisk}");
        Assert.True(last.Ports[0].StoredPackets > 10000, $"stored: {last.Ports[0].StoredPackets}");
        Verify(disk);
    }

    [Fact]
    public void A_full_disk_stops_storing_and_room_brings_it_back()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(80);
        string ballast = Path.Combine(disk, "ballast");
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(disk, ring: "16MiB"));
        long sent = lab.Generate("--packets", "80000", "--size", "1500", "--pps", "40000");
        capbox.WaitFor(s => s.Storage.Fault is not null, "the disk to be full");
        Assert.Contains("No space left", capbox.Last!.Storage.Fault, StringComparison.Ordinal);
        capbox.WaitUntilSeen(sent);
        ulong storedWhileFull = capbox.Last!.Ports[0].StoredPackets;
        foreach (string old in Directory.GetFiles(disk, "*.pcapng"))
            File.Delete(old);
        capbox.WaitFor(s => s.Storage.Fault is null, "the disk to take segments again");
        sent += lab.Generate("--packets", "2000", "--size", "1500", "--pps", "20000", "--first", "80000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].SeenPackets);
        Assert.True(last.Ports[0].LostDisk > 0);
        Assert.Equal(0ul, last.Ports[0].LostRing);
        Assert.True(last.Ports[0].StoredPackets >= storedWhileFull + 2000, "what came after is stored");
        Assert.False(File.Exists(ballast));
        Verify(disk);
    }

    [Fact]
    public void A_disk_that_fails_and_is_replaced_is_used_again_without_a_restart()
    {
        using var lab = new Lab();
        string disk = lab.MountSmallDisk(120);
        using CapboxProcess capbox = CapboxProcess.StartWith(lab, Document(disk, ring: "16MiB"));
        long sent = lab.Generate("--packets", "2000", "--size", "1500", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        // The file system shuts down as after an I/O error in its journal: every write fails from here on.
        Tool.Run("xfs_io", "-x", "-c", "shutdown", disk);
        sent += lab.Generate("--packets", "3000", "--size", "1500", "--pps", "20000", "--first", "2000");
        capbox.WaitFor(s => s.Storage.Fault is not null, "the fault to show");
        // `ip netns exec` gives capbox a mount namespace of its own, so the disk is replaced in there.
        string[] inside = ["-t", capbox.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), "-m", "-r"];
        Tool.Run("nsenter", [.. inside, "umount", "-l", disk]);
        string fresh = Path.Combine(lab.Scratch, "fresh.img");
        using (FileStream file = File.Create(fresh))
            file.SetLength(120L << 20);
        Tool.Run("mkfs.ext4", "-q", fresh);
        Tool.Run("nsenter", [.. inside, "mount", "-o", "loop", fresh, disk]);
        capbox.WaitFor(s => s.Storage.Fault is null, "the new disk to be used");
        sent += lab.Generate("--packets", "2000", "--size", "1500", "--pps", "20000", "--first", "5000");
        capbox.WaitUntilSeen(sent);
        RecorderSnapshot last = capbox.Stop();
        Assert.Equal((ulong)sent, last.Ports[0].SeenPackets);
        Assert.True(last.Storage.WriteErrors > 0);
        // 4.5 MB came while there was no disk and the ring holds 16: nothing is lost but what was complete on the old disk.
        Assert.Equal(0ul, last.Ports[0].LostPackets);
        Assert.Equal((ulong)sent, last.Ports[0].StoredPackets);
    }

    private static void Verify(string directory)
    {
        string[] files = Directory.GetFiles(directory, "*.pcapng");
        Assert.NotEmpty(files);
        (int code, string said, string error) = Tool.Try(CapboxProcess.Binary, ["verify", .. files]);
        Assert.True(code == 0, said + error);
        foreach (string file in files)
            Tool.Run("tshark", "-r", file, "-c", "10");
    }
}
