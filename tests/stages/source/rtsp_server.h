// A camera for tests: serves one video file once over RTSP on this machine, the packets inside the TCP
// connection, as fast as they are taken.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "stages/source/listener.h"
#include "stages/source/video/ffmpeg.h"

namespace peregrine::test {

class RtspServer {
 public:
  /// `silent_after` packets the server stops sending but keeps the connection; -1: sends all, then hangs up.
  RtspServer(const std::string& video, int silent_after)
      : silent_after_(silent_after), thread_([this, video] { serve(video); }) {}
  ~RtspServer() {
    listener_.stop();
    thread_.join();
  }
  std::string address() const { return listener_.address("rtsp", "/street"); }

 private:
  void serve(const std::string& video) {
    client_ = listener_.accept();
    if (client_ < 0) return;
    open(video);
    bool playing = false;
    for (std::string request = next_request(); !request.empty() && !playing;
         request = playing ? "" : next_request())
      playing = answer(request);
    if (playing) stream();
    if (playing && silent_after_ >= 0) next_request();  // until the reader hangs up
    close_media();
    ::close(client_);
  }

  void open(const std::string& video) {
    avformat_open_input(&input_, video.c_str(), nullptr, nullptr);
    avformat_find_stream_info(input_, nullptr);
    avformat_alloc_output_context2(&output_, nullptr, "rtp", nullptr);
    AVStream* stream = avformat_new_stream(output_, nullptr);
    avcodec_parameters_copy(stream->codecpar, input_->streams[0]->codecpar);
    constexpr int packet_size = 1400;
    const auto write = [](void* self, std::uint8_t* data, int size) {
      return static_cast<RtspServer*>(self)->send_packet(data, size);
    };
    output_->pb = avio_alloc_context(static_cast<unsigned char*>(av_malloc(packet_size)), packet_size, 1,
                                     this, nullptr, write, nullptr);
    output_->pb->max_packet_size = packet_size;
    output_->packet_size = packet_size;
  }

  void close_media() {
    av_freep(&output_->pb->buffer);
    avio_context_free(&output_->pb);
    avformat_free_context(output_);
    avformat_close_input(&input_);
  }

  std::string next_request() {
    while (received_.find("\r\n\r\n") == std::string::npos) {
      char buffer[2048];
      const ssize_t count = ::recv(client_, buffer, sizeof buffer, 0);
      if (count <= 0) return "";
      received_.append(buffer, static_cast<std::size_t>(count));
    }
    const std::size_t end = received_.find("\r\n\r\n") + 4;
    const std::string request = received_.substr(0, end);
    received_.erase(0, end);
    return request;
  }

  /// True once PLAY is answered.
  bool answer(const std::string& request) {
    const std::size_t sequence = request.find("CSeq:");
    std::string reply =
        "RTSP/1.0 200 OK\r\n" + request.substr(sequence, request.find("\r\n", sequence) + 2 - sequence);
    std::string body;
    if (request.starts_with("OPTIONS")) reply += "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n";
    if (request.starts_with("DESCRIBE")) {
      char description[4096] = {};
      av_sdp_create(&output_, 1, description, sizeof description);
      body = std::string(description) + "a=control:track0\r\n";
      reply += "Content-Type: application/sdp\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    }
    if (request.starts_with("SETUP"))
      reply += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n";
    if (request.starts_with("PLAY")) reply += "Session: 1\r\n";
    send_all(reply + "\r\n" + body);
    return request.starts_with("PLAY");
  }

  void stream() {
    if (avformat_write_header(output_, nullptr) < 0) return;
    const ffmpeg::Packet packet(av_packet_alloc());
    for (int sent = 0; sent != silent_after_ && av_read_frame(input_, packet.get()) >= 0; ++sent) {
      av_packet_rescale_ts(packet.get(), input_->streams[0]->time_base, output_->streams[0]->time_base);
      packet->stream_index = 0;
      av_write_frame(output_, packet.get());
      av_packet_unref(packet.get());
    }
    av_write_trailer(output_);
  }

  /// Each write of the muxer is one RTP or RTCP packet.
  int send_packet(const std::uint8_t* data, int size) {
    const bool control = size > 1 && data[1] >= 200 && data[1] <= 204;
    const char header[4] = {'$', static_cast<char>(control), static_cast<char>(size >> 8),
                            static_cast<char>(size)};
    send_all(std::string(header, 4) +
             std::string(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)));
    return size;
  }

  void send_all(const std::string& bytes) const {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t count = ::send(client_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (count <= 0) return;
      at += static_cast<std::size_t>(count);
    }
  }

  Listener listener_;
  int silent_after_;
  int client_ = -1;
  std::string received_;
  AVFormatContext* input_ = nullptr;
  AVFormatContext* output_ = nullptr;
  std::thread thread_;
};

}  // namespace peregrine::test
